"""What targets, recipes, defences and attacks may be able to do beyond what each of them must.

Every optional name is declared here once, with its type and, where leaving it out means something, its default.  A
plug-in's object has a capability by having its names; `declared.able` asks for it.
"""
