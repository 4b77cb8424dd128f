"""The write side: turn a catalogue file into a release folder."""
