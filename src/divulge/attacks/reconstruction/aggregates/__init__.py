"""What published counts tell of people about whom the rest is known: linear programs, and differences of counts."""
