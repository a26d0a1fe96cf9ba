"""The command `translate`: a trained model from one framework to another, with proof that both predict the same.

`description` is the model between the frameworks. A reader makes one of a file, and a writer gives its tensors and its
source file. `isolated` runs all framework code in processes of their own, and `translate` puts the steps together.
"""
