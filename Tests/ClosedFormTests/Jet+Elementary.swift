import Foundation

// The C library's functions: the library has its own, which are under test.

func exponential(_ a: Jet) -> Jet {
  let value = Foundation.exp(a.value)
  return a.mapped(value, value, value)
}

func logarithm(_ a: Jet) -> Jet {
  let reciprocal = 1 / a.value
  return a.mapped(Foundation.log(a.value), reciprocal, -reciprocal * reciprocal)
}

/// For positive arguments.
func cubeRoot(_ a: Jet) -> Jet {
  let root = Foundation.cbrt(a.value)
  let first = root / (3 * a.value)
  return a.mapped(root, first, -2 * first / (3 * a.value))
}
