"""The judgement over a service that was asked over its endpoint. Pure, in the controller."""

from .judge import baseline, is_at_work, judge_endpoint

__all__ = ["baseline", "is_at_work", "judge_endpoint"]
