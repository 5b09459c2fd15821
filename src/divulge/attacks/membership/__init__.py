"""Who was in the training data?"""
