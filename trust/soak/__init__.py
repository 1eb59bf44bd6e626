"""Hours of extract, train, evaluate, predict and page under load: does memory, or anything else, grow?"""
