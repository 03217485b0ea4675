"""Cases from files of any shape: a mapping says what the fields and codes mean, canonical case records come out."""
