"""Byte-level byte-pair encoding, as RoBERTa and ModernBERT use it."""

from collections.abc import Sequence

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from hub_tasks.families import FAMILIES, Family
from hub_tasks.presets import AddedToken
from hub_tasks.tokenizers.tokenizer import TOKENIZERS, Tokenizer


class BytePairTokenizer(Tokenizer):
    """Splits into words, and the UTF-8 bytes of words into pieces by learned merges.

    Reference: Radford et al., 2019, "Language models are unsupervised multitask learners".

    Args:
        vocabulary: the tokens in the order of their ids, bytes written as GPT-2 does.
        merges: pairs of pieces to join, the most urgent first.
        add_prefix_space: whether a text is cut as if a space stood before it.
        nfc: whether texts are brought into Unicode's composed form first.
        special_tokens_in_strings: whether "<s>" and the like in a text stand for the special
            token, as in `transformers` and KerasHub.
        added_tokens: further tokens that are found in a text before it is split.
        family: the encoder family; named classes set it.

    Example:

    >>> import hub_tasks
    >>> vocabulary = ["<s>", "<pad>", "</s>", "<unk>", "<mask>", "g", "o", "d", "oo", "ood"]
    >>> tokenizer = hub_tasks.RobertaTokenizer(vocabulary, merges=[("o", "o"), ("oo", "d")])
    >>> tokenizer("good")
    [5, 9]
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        merges: Sequence[tuple[str, str]],
        add_prefix_space: bool = False,
        nfc: bool = False,
        special_tokens_in_strings: bool = True,
        added_tokens: Sequence[AddedToken] = (),
        family: Family | None = None,
    ):
        options = {
            "merges": tuple((first, second) for first, second in merges),
            "add_prefix_space": add_prefix_space,
            "nfc": nfc,
            "special_tokens_in_strings": special_tokens_in_strings,
            "added_tokens": tuple(added_tokens),
        }
        super().__init__(vocabulary, family or self.family or FAMILIES["roberta"], options)
        self.rust = tokenizers.Tokenizer(models.BPE(self._pieces, list(options["merges"])))
        if nfc:
            self.rust.normalizer = normalizers.NFC()
        self.rust.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=add_prefix_space)
        self.rust.decoder = decoders.ByteLevel()
        self._add_tokens()


TOKENIZERS.register("byte_pair", BytePairTokenizer)
