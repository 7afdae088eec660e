"""The judgement over a service that was asked over its endpoint. Pure, in the controller."""

from .judge import baseline, judge_endpoint

__all__ = ["baseline", "judge_endpoint"]
