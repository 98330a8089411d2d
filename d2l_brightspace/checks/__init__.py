"""What can be known before a load: is it the right host, may it be read, what will it cost.

Nothing is loaded and nothing is changed.
"""
