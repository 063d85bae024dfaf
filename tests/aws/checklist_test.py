#!/usr/bin/env python3
"""The checklist's verdicts, and its list of questions. No account is used.

    python3 tests/aws/checklist_test.py
"""

import contextlib
import io
import unittest
from itertools import repeat
from types import SimpleNamespace

from botocore.exceptions import ClientError

import checklist
from questions import QUESTIONS, Question
from trial import Unanswered

DENIED = {"Error": {"Code": "AccessDeniedException", "Message": "not allowed"}}


class ChecklistTest(unittest.TestCase):
    def run_with(self, *asks, is_real: bool = True, real_only: bool = False) -> tuple[int, list[str]]:
        """Asks questions of which ConflictException is assumed. Returns the exit status and the lines."""
        texts = [f"Question {number}?" for number, _ in enumerate(asks)]
        questions = [Question(*given, real_only=real_only) for given in zip(texts, repeat("ConflictException"), asks)]
        shown = io.StringIO()
        with contextlib.redirect_stdout(shown):
            status = checklist.run(questions, SimpleNamespace(account=SimpleNamespace(is_real=is_real)))
        return status, shown.getvalue().splitlines()

    def test_aws_may_add_words_to_the_answer_that_is_assumed(self):
        status, lines = self.run_with(lambda _: "ConflictException", lambda _: "ConflictException: it has targets")
        self.assertEqual((status, lines[-1]), (0, "2 agrees, 0 differs, 0 not answered, 0 failed"))
        self.assertEqual(lines[1], "agrees        Question 1? ConflictException: it has targets")

    def test_another_answer_differs_and_is_named(self):
        for found in ["accepted", "ConflictExceptions", "ValidationException: ConflictException"]:
            with self.subTest(found):
                status, lines = self.run_with(lambda _, found=found: found)
                self.assertEqual(status, 1)
                self.assertEqual(
                    lines[0], f"differs       Question 0? found: {found}; the emulated AWS assumes: ConflictException"
                )

    def test_a_question_without_an_answer_fails_the_run_in_an_emulated_account_only(self):
        def ask(_):
            raise Unanswered("the runtime was\nREADY at once")

        for is_real, status, outcome in [(True, 0, "not answered"), (False, 1, "failed")]:
            with self.subTest(is_real=is_real):
                ended, lines = self.run_with(ask, lambda _: "ConflictException", is_real=is_real)
                self.assertEqual(ended, status)
                self.assertIn(f"1 {outcome}", lines[-1])
                self.assertEqual(lines[0], f"{outcome:12}  Question 0? the runtime was READY at once")

    def test_a_question_for_a_real_account_is_not_asked_elsewhere(self):
        asked = []
        for is_real in [True, False]:
            self.run_with(lambda _, is_real=is_real: asked.append(is_real) or "", is_real=is_real, real_only=True)
        self.assertEqual(asked, [True])

    def test_a_call_that_fails_unexpectedly_fails_the_run_but_not_the_next_question(self):
        def ask(_):
            raise ClientError(DENIED, "CreateGateway")

        status, lines = self.run_with(ask, lambda _: "ConflictException")
        self.assertEqual((status, lines[-1]), (1, "1 agrees, 0 differs, 0 not answered, 1 failed"))
        self.assertIn("not allowed", lines[0])

    def test_every_question_has_either_an_answer_to_compare_or_a_need(self):
        for question in QUESTIONS:
            with self.subTest(question.text):
                self.assertTrue(question.text.endswith("?"))
                self.assertNotEqual(bool(question.ask), bool(question.needs))
                self.assertTrue(question.assumed or question.needs)
        self.assertEqual(len({question.text for question in QUESTIONS}), len(QUESTIONS))


if __name__ == "__main__":
    unittest.main(verbosity=2)
