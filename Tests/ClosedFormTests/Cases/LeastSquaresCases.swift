@testable import ImplicitDifferentiation
import Optimality

// r = (y − a, y² − b): the slope y − a + 2y (y² − b), halved, is y³ + p y − q with p = ½ − b and
// q = ½ a. For p > 0, Cardano: y = u − p/(3u) with u³ = q/2 + √(q²/4 + p³/27).

@Sendable private func cardano(_ x: [Jet]) -> [Jet] {
  let p = 0.5 - x[1]
  let q = 0.5 * x[0]
  let discriminant: Jet = 0.25 * q * q + p * p * p / 27
  let u = cubeRoot(0.5 * q + squareRoot(discriminant))
  let rest: Jet = p / (3 * u)
  return [u - rest]
}

private let cubic = ClosedForm(
  "nonlinearLeastSquares", "a cubic, by Cardano's formula", at: Tensor([1.5, -0.25]),
  unknown: Tensor(0),
  conditions: .nonlinearLeastSquares { x, y in Tensor.stack([y - x.at(0), y * y - x.at(1)]) },
  formula: cardano)

// rₖ = y₀ exp(−y₁ k) − xₖ for k = 0, 1, 2, which does not fit: references.py.

@Sendable private func fitOfDecay(_ x: [Jet]) -> [Jet] {
  [
    Jet(
      value: 2.222175287329978902235076626,
      gradient: [
        1.00993789057612740300809217607, 0.0127910586190613467080404561855,
        -0.11635875620644219245131211052,
      ],
      hessian: [
        [
          0.00460407714590295274281059029163, -0.0644917869106566862951504175323,
          0.059896386481757570526290365603,
        ],
        [
          -0.0644917869106566862951504175323, 0.265678197222347821444598231483,
          -0.0418847054299796884775709104587,
        ],
        [
          0.059896386481757570526290365603, -0.0418847054299796884775709104587,
          -0.21717785738043445677134300714,
        ],
      ]),
    Jet(
      value: 1.04317868433071898453413716332,
      gradient: [
        0.438144551439706338053156287507, -0.980863216766163460313320035001,
        -0.745571460520974195847553250029,
      ],
      hessian: [
        [
          -0.121844074306098362613339410736, -0.354851095242139855222645755891,
          0.115573100550704774682021968162,
        ],
        [
          -0.354851095242139855222645755891, 2.19943422021268629100545522371,
          0.809263586856098405371726941873,
        ],
        [
          0.115573100550704774682021968162, 0.809263586856098405371726941873,
          -0.0405155150063461010886510340137,
        ],
      ]),
  ]
}

private let decay = ClosedForm(
  "nonlinearLeastSquares", "a decay", at: Tensor([2.25, 0.625, 0.5]), unknown: Tensor.zeros([2]),
  conditions: .nonlinearLeastSquares { x, y in
    let times = Tensor([0, 1, 2])
    return y.at(0) * exp(-y.at(1) * times) - x
  }, formula: fitOfDecay)

// Residuals that vanish, with a Jacobian R of full rank: nothing is left out of the Hessian there, and
// the derivative is that of the solution. r = (x y₀ − 1, y₁ − x y₀², x (y₁ − y₀)), y₀ = y₁ = 1/x.

@Sendable private func reciprocals(_ x: [Jet]) -> [Jet] { [1 / x[0], 1 / x[0]] }

private let exactFit = ClosedForm(
  "gaussNewton", "residuals that vanish", at: Tensor(1.5), unknown: Tensor.zeros([2]),
  conditions: .gaussNewton { x, y -> Tensor in
    let (first, second) = (y.at(0), y.at(1))
    return [x * first - 1, second - x * first * first, x * (second - first)]
  }, formula: reciprocals)

let leastSquaresCases = [cubic, decay, exactFit]
