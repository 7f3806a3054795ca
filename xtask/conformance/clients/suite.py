"""Runs the tests of one file and says how they went: suite.py FILE [PATTERN]. The last line is `counts PASSED FAILED SKIPPED`."""
import os
import sys
import unittest


def main():
    sys.dont_write_bytecode = True
    path = os.path.abspath(sys.argv[1])
    here = os.path.dirname(os.path.abspath(__file__))
    sys.path[:0] = [os.path.dirname(path), os.path.join(here, "python"), here]
    loader = unittest.TestLoader()
    if len(sys.argv) > 2:
        loader.testNamePatterns = ["*%s*" % sys.argv[2]]
    suite = loader.loadTestsFromName(os.path.basename(path)[:-len(".py")])
    result = unittest.TextTestRunner(verbosity=1, stream=sys.stdout).run(suite)
    bad = {str(getattr(test, "test_case", test)) for test, _ in result.failures + result.errors}
    print("counts %d %d %d" % (result.testsRun - len(bad) - len(result.skipped), len(bad), len(result.skipped)))


if __name__ == "__main__":
    main()
