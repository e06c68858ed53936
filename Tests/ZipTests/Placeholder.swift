// ZIP archives whose members are read in place.
