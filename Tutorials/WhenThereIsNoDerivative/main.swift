// # When there is no derivative, the answer is a sentence
//
// Page: docs/WhenThereIsNoDerivative.md
import HostileInputs
import LiteratePages
for input in HostileInput.all {
  let o = await input.outcome()
  print(o.isExpected ? "ok " : "BAD", input.title, "\n     →", o.words)
}
