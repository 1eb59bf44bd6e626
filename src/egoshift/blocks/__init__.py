"""What methods and fusion are both built of: attention, cosine logits, and how a batch is read."""

from egoshift.blocks.attention import AttentionBlock, AveragedTransformer, SelfAttention
from egoshift.blocks.cosine import adapted_logits, adapted_logits_direct, cosine_logits

__all__ = [
    "AttentionBlock",
    "AveragedTransformer",
    "SelfAttention",
    "adapted_logits",
    "adapted_logits_direct",
    "cosine_logits",
]
