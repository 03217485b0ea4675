"""One definition of every feature, used by training and by serving."""
