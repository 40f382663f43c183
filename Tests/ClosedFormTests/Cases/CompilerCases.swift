#if canImport(_Differentiation)
  import CompilerDifferentiation
  @testable import ImplicitDifferentiation

  private let parabolaByCompiler = Conditions<Tensor, Tensor>.compiler { x, y -> Tensor in
    let (first, second) = (y.at(0), y.at(1))
    return Tensor.stack([first * first + 2 * second - x.at(0), first - second - x.at(1)])
  }

  private let exponentials = ClosedForm(
    "compilerStationary", at: Tensor([2.5, 0.75]), unknown: Tensor.zeros([2]),
    conditions: .compilerStationary { x, y in
      let (first, second) = (y.at(0), y.at(1))
      return exp(first) + exp(first + second) - x.dot(y)
    }, formula: logarithms)

  let compilerCases = [parabolaCase("compiler", parabolaByCompiler), exponentials]
#else
  let compilerCases: [ClosedForm] = []
#endif
