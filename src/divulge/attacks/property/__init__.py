"""What holds for the training set as a whole?"""
