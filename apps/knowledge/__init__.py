"""Terms, diseases and their annotations as loaded from a knowledge folder, and the search over them."""
