// Archives of model directories.
