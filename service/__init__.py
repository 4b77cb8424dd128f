"""The read side: turn a release folder and a question into hits."""
