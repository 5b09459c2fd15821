"""Games set the challenge, keep the secret and judge the guess."""
