"""What a `fit`, `evaluate` or `predict` did: `clf.last_run`."""

from dataclasses import dataclass, field

import numpy as np

Shape = tuple[int, int]  # rows, tokens


@dataclass
class RunReport:
    """What the last `fit`, `evaluate` or `predict` over texts did.

    Attributes:
        texts: how many were computed, a text once for every epoch.
        tokens: how many real tokens were computed.
        padded_tokens: how many were computed, padding included.
        truncated: how many texts were cut to `sequence_length`; those of a stream are
            counted in every epoch, others once.
        longest: the longest text in tokens, special tokens included.
        shapes: the shapes `(rows, tokens)` of the batches; a backend that compiles does so
            once for each.
        seconds: from beginning to end, of which
        tokenising_seconds: in the tokenizer (where it works beside the model, its time is
            part of the model's as well),
        compiling_seconds: in the first step of each shape, beyond what a later one takes.

    Example:

    >>> import hub_tasks
    >>> clf = hub_tasks.TextClassifier.from_preset("bert_tiny_en_sentiment")
    >>> outputs = clf.predict(["a fine film", "dull"], verbose=0)
    >>> clf.last_run.texts, clf.last_run.shapes
    (2, {(2, 8)})
    """

    texts: int = 0
    tokens: int = 0
    padded_tokens: int = 0
    truncated: int = 0
    longest: int = 0
    shapes: set[Shape] = field(default_factory=set)
    seconds: float = 0.0
    tokenising_seconds: float = 0.0
    compiling_seconds: float = 0.0
    _read: int = field(default=0, repr=False)
    _batches: list[tuple[Shape, int, int]] = field(default_factory=list, repr=False)

    @property
    def texts_per_second(self) -> float:
        """Texts computed in a second, all in all."""
        return self.texts / self.seconds if self.seconds else 0.0

    @property
    def padded_share(self) -> float:
        """The share of padding in what was computed."""
        return 1 - self.tokens / self.padded_tokens if self.padded_tokens else 0.0

    @property
    def truncated_share(self) -> float:
        """The share of texts that were cut."""
        return self.truncated / self._read if self._read else 0.0

    @property
    def computing_seconds(self) -> float:
        """What remains beside tokenising and compiling."""
        return max(self.seconds - self.tokenising_seconds - self.compiling_seconds, 0.0)

    def __str__(self) -> str:
        return (
            f"{self.texts} texts in {self.seconds:.1f} s ({self.texts_per_second:.0f} texts/s): "
            f"{self.tokenising_seconds:.1f} s tokenising, {self.compiling_seconds:.1f} s compiling "
            f"{len(self.shapes)} shapes, {self.computing_seconds:.1f} s computing; "
            f"{self.padded_share:.0%} padding, {self.truncated} texts cut"
        )

    def add(self, earlier: "RunReport") -> None:
        """Counts what was computed before on texts of this run as well."""
        self.texts += earlier.texts
        self.tokens += earlier.tokens
        self.padded_tokens += earlier.padded_tokens
        self.shapes |= earlier.shapes
        self.seconds += earlier.seconds
        self.tokenising_seconds += earlier.tokenising_seconds
        self.compiling_seconds += earlier.compiling_seconds

    def count_lengths(self, lengths: np.ndarray, limit: int) -> None:
        """Counts texts that were read, by their lengths before they are cut."""
        self._read += len(lengths)
        self.truncated += int((lengths > limit).sum())
        self.longest = max(self.longest, int(lengths.max(initial=0)))

    def count_batch(self, shape: Shape, lengths: np.ndarray) -> None:
        """Notes a batch of this shape that was read, whose real rows have these lengths."""
        self._batches.append((shape, len(lengths), int(lengths.sum())))

    def count_steps(self, durations: list[float], compiled: bool) -> None:
        """Counts the batches that were computed since the last call.

        Args:
            durations: of the steps, in their order. Batches that Keras only looked at,
                which it does first, are those too many.
            compiled: whether the backend compiles a step for each shape.
        """
        batches = self._batches[-len(durations) :] if durations else self._batches
        self._batches = []
        seen = set(self.shapes)
        first, rates = [], []
        for (shape, texts, tokens), seconds in zip(batches, durations, strict=False):
            self.texts += texts
            self.tokens += tokens
            self.padded_tokens += shape[0] * shape[1]
            self.shapes.add(shape)
            if shape in seen:
                rates.append(seconds / (shape[0] * shape[1]))
            else:
                first.append((shape, seconds))
                seen.add(shape)
        rate = float(np.median(rates)) if rates else 0.0
        if compiled:
            self.compiling_seconds += sum(
                max(seconds - rate * rows * tokens, 0.0) for (rows, tokens), seconds in first
            )
