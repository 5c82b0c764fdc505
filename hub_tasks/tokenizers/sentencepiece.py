"""SentencePiece: Unigram and BPE over texts whose spaces are characters like others."""

from collections.abc import Sequence

import tokenizers
from tokenizers import Regex, decoders, models, normalizers, pre_tokenizers

from hub_tasks.errors import PresetFormatError, received
from hub_tasks.families import FAMILIES, Family
from hub_tasks.presets import AddedToken
from hub_tasks.presets.schema import STEPS, check_choice
from hub_tasks.tokenizers.tokenizer import TOKENIZERS, Tokenizer

SPACE = "▁"
_HIDDEN = "\0"  # begins what no text has
_STEPS = {
    "lowercase": normalizers.Lowercase,
    "nfc": normalizers.NFC,
    "nfkc": normalizers.NFKC,
    "nfkd": normalizers.NFKD,
    "strip_accents": normalizers.StripAccents,
    "strip": normalizers.Strip,
    "strip_right": lambda: normalizers.Strip(left=False, right=True),
    "straight_quotes": lambda: normalizers.Sequence(
        [normalizers.Replace("``", '"'), normalizers.Replace("''", '"')]
    ),
    "join_spaces": lambda: normalizers.Replace(Regex(" {2,}"), " "),
    "join_white_space": lambda: normalizers.Replace(Regex(r"\s{2,}|[\n\r\t]"), " "),
}


class SentencePieceTokenizer(Tokenizer):
    """Splits a text, spaces included, into the most probable pieces, or by merges.

    References: Kudo and Richardson, 2018, https://arxiv.org/abs/1808.06226; Kudo, 2018,
    https://arxiv.org/abs/1804.10959.

    Args:
        vocabulary: the tokens in the order of their ids; "▁" stands for a space.
        scores: the logarithm of each token's probability; for BPE, the order of merges.
        bpe: whether pieces are joined by merges and not chosen by probability.
        byte_fallback: whether what no piece covers becomes bytes, not the unknown token.
        steps: what is done to a text first, in this order: names in
            `hub_tasks.presets.schema.STEPS`.
        charsmap: the compiled rules of the step "charsmap"; empty for none.
        whole_words: whether a text is split at white space before.
        prefix_space: whether a text is cut as if a space stood before it.
        special_tokens_in_strings: whether "[SEP]" and the like in a text stand for the
            special token, as in `transformers`, or for plain text, as in KerasHub.
        added_tokens: further tokens that are found in a text before it is split.
        family: the encoder family; named classes set it.

    Example:

    >>> import hub_tasks
    >>> vocabulary = ["<pad>", "<unk>", "[CLS]", "[SEP]", "[MASK]", "▁good", "ness"]
    >>> tokenizer = hub_tasks.AlbertTokenizer(vocabulary, scores=[0, 0, 0, 0, 0, -1, -2])
    >>> tokenizer("good goodness")
    [5, 5, 6]
    """

    def __init__(
        self,
        vocabulary: Sequence[str],
        scores: Sequence[float],
        bpe: bool = False,
        byte_fallback: bool = False,
        steps: Sequence[str] = ("charsmap", "strip", "join_spaces"),
        charsmap: bytes = b"",
        whole_words: bool = False,
        prefix_space: bool = True,
        special_tokens_in_strings: bool = False,
        added_tokens: Sequence[AddedToken] = (),
        family: Family | None = None,
    ):
        options = {
            "scores": tuple(float(score) for score in scores),
            "bpe": bpe,
            "byte_fallback": byte_fallback,
            "steps": tuple(steps),
            "charsmap": bytes(charsmap),
            "whole_words": whole_words,
            "prefix_space": prefix_space,
            "special_tokens_in_strings": special_tokens_in_strings,
            "added_tokens": tuple(added_tokens),
        }
        for step in steps:
            check_choice(step, type(self).__name__, "steps", STEPS)
        family = family or self.family or FAMILIES["albert"]
        super().__init__(vocabulary, family, options)
        if len(options["scores"]) != len(self.vocabulary):
            raise PresetFormatError(
                f"There must be a score for each of the {len(self.vocabulary)} tokens. "
                f"{received(scores=len(options['scores']))}"
            )
        self.rust = tokenizers.Tokenizer(self._model(family.special_tokens["unknown"]))
        self.rust.normalizer = normalizers.Sequence(
            [
                normalizers.Precompiled(charsmap) if step == "charsmap" else _STEPS[step]()
                for step in steps
                if step != "charsmap" or charsmap
            ]
        )
        scheme = "always" if prefix_space else "never"
        spaces = pre_tokenizers.Metaspace(SPACE, prepend_scheme=scheme)
        words = [pre_tokenizers.WhitespaceSplit()] if whole_words else []
        self.rust.pre_tokenizer = pre_tokenizers.Sequence([*words, spaces])
        self.rust.decoder = decoders.Metaspace(SPACE, prepend_scheme=scheme)
        self._add_tokens()

    def _model(self, unknown: str) -> models.Model:
        # No text is ever cut into special tokens; where they count, they are found before.
        hidden = () if self.options["special_tokens_in_strings"] else self.special_tokens
        tokens = [_HIDDEN + token if token in hidden else token for token in self._pieces]
        pairs = list(zip(tokens, self.options["scores"], strict=False))
        fallback = self.options["byte_fallback"]
        if not self.options["bpe"]:
            return models.Unigram(pairs, self._ids[unknown], fallback)
        ids = {token: i for i, token in enumerate(tokens)}
        merges, unknown = _merges(pairs), tokens[self._ids[unknown]]
        return models.BPE(ids, merges, unk_token=unknown, fuse_unk=True, byte_fallback=fallback)

    def detokenize(self, ids: Sequence[int]) -> str:
        return super().detokenize(ids).replace(_HIDDEN, "")


def _merges(pairs: Sequence[tuple[str, float]]) -> list[tuple[str, str]]:
    """The merges that make the pieces of a BPE model, those of the best pieces first."""
    scores = dict(pairs)
    found = []
    for piece, score in pairs:
        cuts = [(piece[:i], piece[i:]) for i in range(1, len(piece))]
        known = [(a, b) for a, b in cuts if a in scores and b in scores]
        known.sort(key=lambda cut: (scores[cut[0]], scores[cut[1]]), reverse=True)
        found += [(score, cut) for cut in known]
    return [cut for _, cut in sorted(found, key=lambda entry: -entry[0])]


TOKENIZERS.register("sentencepiece", SentencePieceTokenizer)
