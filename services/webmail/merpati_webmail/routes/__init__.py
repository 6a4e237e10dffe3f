"""The pages, a file for each family; every handler takes a Visit and gives an answer."""
