#!/usr/bin/env python3
"""Asks an AWS account about undocumented behaviour, and compares each answer with the assumption of the emulated AWS.

    python3 tests/aws/checklist.py --real-account --role-arn ARN --image URI

One line per question: it agrees, it differs, or it is not answered. The exit status is 1 if an answer differs or a call
failed unexpectedly. Needs `boto3`; see questions.py for the questions.
"""

import argparse
import collections
import sys

from botocore.exceptions import BotoCoreError, ClientError

import account
import leftovers
from questions import QUESTIONS, Question
from trial import Trial, Unanswered

COST = """It creates about twenty runtimes, ten gateways, and a few secrets and credential providers for minutes, and starts
six containers. By the published prices that is less than 1 USD."""
# In the order of their deletion.
KINDS = [
    leftovers.GATEWAYS,
    leftovers.RUNTIMES,
    leftovers.OAUTH2_PROVIDERS,
    leftovers.API_KEY_PROVIDERS,
    leftovers.WORKLOAD_IDENTITIES,
    leftovers.SECRETS,
    leftovers.LOG_GROUPS,
]
AGREES, DIFFERS, NOT_ANSWERED, FAILED = "agrees", "differs", "not answered", "failed"


def answer(question: Question, trial: Trial) -> tuple[str, str]:
    """Asks one question. Returns the outcome and its details."""
    if not question.ask:
        assumption = question.assumed and f"; the emulated AWS assumes: {question.assumed}"
        return NOT_ANSWERED, f"needs {question.needs}{assumption}"
    if question.real_only and not trial.account.is_real:
        return NOT_ANSWERED, "needs a real account"
    try:
        found = question.ask(trial)
    except Unanswered as reason:
        # Whatever can prevent an answer in a real account is not the case in the emulated one.
        return NOT_ANSWERED if trial.account.is_real else FAILED, str(reason)
    except (BotoCoreError, ClientError) as error:
        return FAILED, str(error)
    if found == question.assumed or found.startswith(f"{question.assumed}: "):
        return AGREES, found
    return DIFFERS, f"found: {found}; the emulated AWS assumes: {question.assumed}"


def run(questions: list[Question], trial: Trial) -> int:
    """Asks the questions and prints a line for each. Returns the exit status."""
    outcomes: collections.Counter[str] = collections.Counter()
    for question in questions:
        outcome, words = answer(question, trial)
        outcomes[outcome] += 1
        print(f"{outcome:12}  {question.text} {' '.join(words.split())}", flush=True)
    print()
    print(", ".join(f"{outcomes[outcome]} {outcome}" for outcome in (AGREES, DIFFERS, NOT_ANSWERED, FAILED)))
    return int(bool(outcomes[DIFFERS] or outcomes[FAILED]))


def main() -> None:
    parser = argparse.ArgumentParser(description="Compares an AWS account with what the emulated AWS assumes.")
    account.add_arguments(parser, required=True)
    arguments = parser.parse_args()
    try:
        chosen = account.choose(arguments, COST)
    except account.Refusal as refusal:
        sys.exit(f"error: {refusal}")
    with leftovers.deleted_at_the_end(chosen, KINDS):
        status = run(QUESTIONS, Trial(chosen))
    sys.exit(status)


if __name__ == "__main__":
    main()
