"""WordPiece, as BERT uses it."""

from collections.abc import Sequence
from pathlib import Path

import tokenizers
from tokenizers import decoders, models, normalizers, pre_tokenizers

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import FAMILIES, Family
from hub_tasks.presets import AddedToken
from hub_tasks.tokenizers.tokenizer import TOKENIZERS, Tokenizer

_LONGEST_WORD = 100  # characters; a longer word becomes the unknown token, as in BERT


class WordPieceTokenizer(Tokenizer):
    """Splits on white space and punctuation, then greedily into the longest known pieces.

    References: Devlin et al., 2018, https://arxiv.org/abs/1810.04805;
    Song et al., 2020, https://arxiv.org/abs/2012.15524.

    Args:
        vocabulary: the tokens in the order of their ids, or a file with one a line.
        lowercase: lower-cases the text.
        strip_accents: removes accents; None does so where `lowercase` is set.
        special_tokens_in_strings: whether "[SEP]" and the like in a text stand for the
            special token, as in `transformers`, or for plain text, as in KerasHub.
        suffix_indicator: what continuing pieces begin with.
        oov_token: stands for what no piece of the vocabulary covers.
        added_tokens: further tokens that are found in a text before it is split.
        family: the encoder family; named classes set it.

    Example:

    >>> import hub_tasks
    >>> vocabulary = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "good", "##ness"]
    >>> tokenizer = hub_tasks.BertTokenizer(vocabulary, lowercase=True)
    >>> tokenizer("Good goodness")
    [5, 5, 6]
    """

    def __init__(
        self,
        vocabulary: Sequence[str] | str | Path,
        lowercase: bool = False,
        strip_accents: bool | None = False,
        special_tokens_in_strings: bool = False,
        suffix_indicator: str = "##",
        oov_token: str = "[UNK]",
        added_tokens: Sequence[AddedToken] = (),
        family: Family | None = None,
    ):
        if isinstance(vocabulary, str | Path):
            text = Path(vocabulary).read_text(encoding="utf-8")
            vocabulary = text.removesuffix("\n").split("\n")
        family = family or self.family or FAMILIES["bert"]
        options = {
            "lowercase": lowercase,
            "strip_accents": lowercase if strip_accents is None else strip_accents,
            "special_tokens_in_strings": special_tokens_in_strings,
            "suffix_indicator": suffix_indicator,
            "oov_token": oov_token,
            "added_tokens": tuple(added_tokens),
        }
        super().__init__(vocabulary, family, options)
        if oov_token not in self._ids:
            raise PresetFormatError(
                f"`oov_token` must be in the vocabulary. {received(oov_token=oov_token)}"
            )
        self.rust = tokenizers.Tokenizer(
            models.WordPiece(
                self._pieces,
                unk_token=oov_token,
                max_input_chars_per_word=_LONGEST_WORD,
                continuing_subword_prefix=suffix_indicator,
            )
        )
        self.rust.normalizer = normalizers.BertNormalizer(
            clean_text=True,
            handle_chinese_chars=True,
            strip_accents=options["strip_accents"],
            lowercase=lowercase,
        )
        self.rust.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self.rust.decoder = decoders.WordPiece(prefix=suffix_indicator)
        self._add_tokens()


TOKENIZERS.register("wordpiece", WordPieceTokenizer)
