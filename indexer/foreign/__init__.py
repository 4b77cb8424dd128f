"""The files that keepers of catalogues have: from a spreadsheet, a saved page or a folder to rows of text."""
