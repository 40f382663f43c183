import TensorChecks
import Testing

@testable import TracedTensors

@Suite struct TensorTests {
  @Test("Literals and initialisers")
  func making() {
    #expect((3 as Tensor).shape == [] && (2.5 as Tensor).scalar == 2.5)
    let matrix: Tensor = [[1, 2, 3], [4, 5, 6]]
    #expect(matrix.shape == [2, 3] && matrix == Tensor([[1, 2, 3], [4, 5, 6]] as [[Double]]))
    #expect(([[[1], [2]]] as Tensor).shape == [1, 2, 1])
    #expect(Tensor([Double]()).shape == [0] && ([] as Tensor).shape == [0])
    #expect(Tensor([[Double]]()).shape == [0, 0])
    #expect(Tensor.identity(2) == [[1, 0], [0, 1]] && Tensor.ones([2]) == [1, 1])
    #expect(Tensor(shape: [2, 1], [7, 8])[1, 0] == 8 && matrix[1, 2] == 6 && (4 as Tensor)[] == 4)
    #expect(matrix.count == 6 && matrix.rank == 2)
    #expect(matrix.scalars == [1, 2, 3, 4, 5, 6])
  }

  @Test("The example of the documentation")
  func documentation() {
    let matrix = Tensor([[1, 2], [3, 4]])
    let vector: Tensor = [10, 20]
    #expect((matmul(matrix, vector) + 0.5).description == "[50.5, 110.5]")
  }

  @Test("Literals of traced tensors stay traced")
  func tracedLiterals() {
    let slope = gradient(at: Tensor([1, 2])) { x in
      let matrix: Tensor = [[x.at(0), 3], [x.at(1), x.at(0)]]
      return (matrix * matrix).sum()
    }
    #expect(slope == [4, 4])
  }

  @Test("Equality by shape and numbers; order of single numbers")
  func comparing() {
    #expect(
      Tensor([1, 2]) == [1, 2] && Tensor([1, 2]) != [1, 3] && Tensor([1, 2]) != [[1, 2]])
    #expect(Tensor([Double.nan]) != Tensor([Double.nan]))
    #expect(
      Tensor(1) < 2 && Tensor(2) <= 2 && Tensor(3) > 2 && Tensor(2) >= 2 && !(Tensor(.nan) < 2))
    _ = gradient(at: Tensor([1, 2])) { x in
      #expect(
        x.sum() > 2 && x == [1, 2] && x.isFinite && x.isTraced && !x.withoutDerivative.isTraced)
      #expect(x.withoutDerivative.scalars == [1, 2] && x.shape == [2])
      return x.sum()
    }
    #expect(!Tensor([1, .infinity]).isFinite && Tensor([Double]()).isFinite)
  }

  @Test("Value semantics: what is computed from a copy leaves the original")
  func valueSemantics() {
    let a = Tensor([1, 2])
    var b = a
    b += 1
    b *= [2, 3]
    b -= a
    b /= 2
    #expect(a == [1, 2] && b == [1.5, 3.5])
  }
}

@Suite struct TensorPrintingTests {
  @Test(
    "Readable numbers, aligned matrices, long axes cut",
    arguments: [
      (Tensor(3), "3"), (Tensor(0.1), "0.1"), (Tensor([1, -2.5]), "[1, -2.5]"),
      (Tensor([Double]()), "[]"), (Tensor(.nan), "nan"), (Tensor(-.infinity), "-inf"),
      (Tensor([[1, 20], [-3.5, 4]]), "[[   1, 20],\n [-3.5,  4]]"),
      (Tensor(shape: [2, 1, 2], [1, 2, 3, 4]), "[[[1, 2]],\n [[3, 4]]]"),
      (Tensor.zeros([0, 2]), "[]"), (Tensor.zeros([2, 0]), "[[],\n []]"), (Tensor(1e300), "1e+300"),
    ])
  func descriptions(_ tensor: Tensor, _ expected: String) {
    #expect(tensor.description == expected)
  }

  @Test("Seventeen entries: eight at each end")
  func abbreviation() {
    let long = Tensor((0..<17).map(Double.init)).description
    #expect(long == "[0, 1, 2, 3, 4, 5, 6, 7, …, 9, 10, 11, 12, 13, 14, 15, 16]")
    let lines = Tensor.zeros([40, 40]).description.split(separator: "\n")
    #expect(lines.count == 17 && lines.allSatisfy { $0.contains("…") })
  }

  @Test("A traced tensor prints its values")
  func traced() {
    _ = gradient(at: Tensor([1, 2])) { x in
      #expect("\(2 * x)" == "[2, 4]")
      return x.sum()
    }
  }
}

@Suite struct TensorStructureTests {
  static let point = Named(weights: [1, 2], biases: [[3], [4, 5]], extra: 6, data: [7, 8])

  @Test("Names, tensors, numbers, in order and without constants")
  func flattening() throws {
    let p = Self.point
    #expect(p.variableNames == ["weights", "biases[0]", "biases[1]", "extra"])
    #expect(p.tensors.count == 5 && p.variableCount == 6)
    #expect(p.flattened() == [1, 2, 3, 4, 5, 6])
    let rebuilt = try p.rebuilt(from: [10, 20, 30, 40, 50, 60])
    #expect(
      rebuilt == Named(weights: [10, 20], biases: [[30], [40, 50]], extra: 60, data: [7, 8]))
    #expect(try p.rebuilt(from: p.flattened()) == p)
    #expect(
      throws: DifferentiationError.sizeMismatch(
        what: "the numbers to rebuild a structure from", expected: 6, found: 5)
    ) { try p.rebuilt(from: [1, 2, 3, 4, 5]) }
    var without = p
    without.extra = nil
    #expect(without.variableNames == ["weights", "biases[0]", "biases[1]"])
    #expect(Tensor(5).flattened() == [5] && Tensor(5).variableNames == [""])
    #expect([Tensor]().variableCount == 0 && (nil as Tensor?).variableCount == 0)
  }

  struct Layers: TensorStructure {
    var inner: Named
    var list: [Named?]
    static var fields: [TensorField<Layers>] {
      [.init("inner", \.inner), .constant("list", \.list)]
    }
  }

  @Test("Structures in structures; what is inside a constant is constant")
  func nesting() throws {
    let layers = Layers(inner: Self.point, list: [nil, Self.point])
    #expect(
      layers.variableNames == [
        "inner.weights", "inner.biases[0]", "inner.biases[1]", "inner.extra",
      ])
    var names: [String] = []
    layers.forEachTensor(named: "", isConstant: false) { name, _, isConstant in
      if isConstant { names.append(name) }
    }
    #expect(names.first == "inner.data" && names[1] == "list[1].weights" && names.count == 6)
    let doubled = layers.mapTensors(isConstant: false) { $1 ? $0 : 2 * $0 }
    #expect(doubled.inner.biases[1] == [8, 10] && doubled.list[1] == Self.point)
  }
}
