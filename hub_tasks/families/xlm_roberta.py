"""XLM-RoBERTa: RoBERTa over a SentencePiece vocabulary of a hundred languages."""

from dataclasses import replace

from hub_tasks.families.roberta import FAMILY as ROBERTA

FAMILY = replace(
    ROBERTA,
    name="xlm_roberta",
    model_type="xlm-roberta",
    prefix="XLMRoberta",
    title="XLM-RoBERTa",
    paper="Conneau et al., 2019, https://arxiv.org/abs/1911.02116",
    tokenizer="sentencepiece",
    fairseq_ids=True,
    steps=("charsmap",),
    whole_words=True,
    architecture="XLMRobertaForSequenceClassification",
)
