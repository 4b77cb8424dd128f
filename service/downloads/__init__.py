"""Answers to take along: CSV, spreadsheets and briefings."""
