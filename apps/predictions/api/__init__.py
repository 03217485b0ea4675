"""REST: cases, predictions of them, and what turned out.

Cases are here and not in `apps.cases`, because what is entered is checked against the vocabulary of the model that
answers: the same input gets the same words whether it is to be stored or predicted, and what was stored can be
predicted. `apps.cases` may not know of models.
"""
