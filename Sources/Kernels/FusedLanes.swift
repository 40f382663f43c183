/// What one lane contributes to entry `i` of a stretch, in a form of its own so that the loop over
/// a group of lanes is compiled for each combination of forms.
private protocol LaneForm {
  func eight(at i: Int) -> SIMD8<Double>
  func one(at i: Int) -> Double
}

/// The numbers that the destination holds already.
private struct ExistingForm: LaneForm {
  let y: UnsafeMutablePointer<Double>

  @inline(__always) func eight(at i: Int) -> SIMD8<Double> { LaneKernels.load(y, i) }
  @inline(__always) func one(at i: Int) -> Double { y[i] }
}

/// `factor · x`.
private struct ConstantForm: LaneForm {
  let factor: Double
  let x: UnsafePointer<Double>

  @inline(__always) func eight(at i: Int) -> SIMD8<Double> { factor * LaneKernels.load(x, i) }
  @inline(__always) func one(at i: Int) -> Double { factor * x[i] }
}

/// `c · x`.
private struct ProductForm: LaneForm {
  let c: UnsafePointer<Double>
  let x: UnsafePointer<Double>

  @inline(__always) func eight(at i: Int) -> SIMD8<Double> {
    LaneKernels.load(c, i) * LaneKernels.load(x, i)
  }
  @inline(__always) func one(at i: Int) -> Double { c[i] * x[i] }
}

/// `(scale · c + bias) · x`.
private struct AffineForm: LaneForm {
  let scale: Double
  let c: UnsafePointer<Double>
  let bias: Double
  let x: UnsafePointer<Double>

  @inline(__always) func eight(at i: Int) -> SIMD8<Double> {
    (scale * LaneKernels.load(c, i) + bias) * LaneKernels.load(x, i)
  }
  @inline(__always) func one(at i: Int) -> Double { (scale * c[i] + bias) * x[i] }
}

/// Up to three lanes over one stretch in one pass: everything is added in registers and stored
/// once, where lane after lane would load and store the destination each time.
///
/// The sums are those of the lanes one after the other, bit for bit:
/// `((l₀ + l₁) + l₂)`, or `((y + l₀) + l₁)` when the lanes add to what is there.
struct FusedLanes {
  /// A lane at the start of a stretch, contiguous in what it reads.
  struct Entry {
    var x: UnsafePointer<Double>
    var c: UnsafePointer<Double>?
    var scale: Double
    /// The factor itself where there is no coefficient.
    var bias: Double
  }

  private let y: UnsafeMutablePointer<Double>
  private let count: Int
  private var first: Entry
  private var second: Entry
  private var third: Entry
  private var held = 0
  /// Whether the next pass overwrites the destination.
  private var stores: Bool

  /// - Parameter stores: the first lane overwrites the destination instead of adding to it.
  @inline(__always)
  init(
    _ y: UnsafeMutablePointer<Double>, count: Int, stores: Bool, _ unused: UnsafePointer<Double>
  ) {
    self.y = y
    self.count = count
    self.stores = stores
    first = Entry(x: unused, c: nil, scale: 0, bias: 0)
    second = first
    third = first
  }

  /// Takes a lane; runs those held when there is no room for another.
  @inline(__always)
  mutating func append(_ entry: Entry) {
    switch held {
    case 0: first = entry
    case 1: second = entry
    default: third = entry
    }
    held &+= 1
    // The destination takes a place of its own where it is read.
    if held == (stores ? 3 : 2) { flush() }
  }

  /// A lane of another kind has written the stretch.
  @inline(__always)
  mutating func addsFromHereOn() { stores = false }

  /// Runs the lanes held.
  mutating func flush() {
    if held == 0 { return }
    if stores {
      switch Kind(first) {
      case .constant: runFirst(ConstantForm(factor: first.bias, x: first.x))
      case .product(let c): runFirst(ProductForm(c: c, x: first.x))
      case .affine(let c):
        runFirst(AffineForm(scale: first.scale, c: c, bias: first.bias, x: first.x))
      }
    } else {
      third = second
      second = first
      held &+= 1
      runFirst(ExistingForm(y: y))
    }
    held = 0
    stores = false
  }

  private enum Kind {
    case constant
    case product(UnsafePointer<Double>)
    case affine(UnsafePointer<Double>)

    @inline(__always)
    init(_ entry: Entry) {
      guard let c = entry.c else {
        self = .constant
        return
      }
      self = entry.scale == 1 && entry.bias == 0 ? .product(c) : .affine(c)
    }
  }

  @inline(__always)
  private func runFirst<A: LaneForm>(_ a: A) {
    if held == 1 {
      run(a)
      return
    }
    switch Kind(second) {
    case .constant: runSecond(a, ConstantForm(factor: second.bias, x: second.x))
    case .product(let c): runSecond(a, ProductForm(c: c, x: second.x))
    case .affine(let c):
      runSecond(a, AffineForm(scale: second.scale, c: c, bias: second.bias, x: second.x))
    }
  }

  @inline(__always)
  private func runSecond<A: LaneForm, B: LaneForm>(_ a: A, _ b: B) {
    if held == 2 {
      run(a, b)
      return
    }
    switch Kind(third) {
    case .constant: run(a, b, ConstantForm(factor: third.bias, x: third.x))
    case .product(let c): run(a, b, ProductForm(c: c, x: third.x))
    case .affine(let c):
      run(a, b, AffineForm(scale: third.scale, c: c, bias: third.bias, x: third.x))
    }
  }

  @inline(never)
  private func run<A: LaneForm>(_ a: A) {
    var i = 0
    while i &+ 8 <= count {
      LaneKernels.store(a.eight(at: i), y, i)
      i &+= 8
    }
    while i < count {
      y[i] = a.one(at: i)
      i &+= 1
    }
  }

  @inline(never)
  private func run<A: LaneForm, B: LaneForm>(_ a: A, _ b: B) {
    var i = 0
    while i &+ 8 <= count {
      LaneKernels.store(a.eight(at: i) + b.eight(at: i), y, i)
      i &+= 8
    }
    while i < count {
      y[i] = a.one(at: i) + b.one(at: i)
      i &+= 1
    }
  }

  @inline(never)
  private func run<A: LaneForm, B: LaneForm, C: LaneForm>(_ a: A, _ b: B, _ c: C) {
    var i = 0
    while i &+ 8 <= count {
      LaneKernels.store((a.eight(at: i) + b.eight(at: i)) + c.eight(at: i), y, i)
      i &+= 8
    }
    while i < count {
      y[i] = (a.one(at: i) + b.one(at: i)) + c.one(at: i)
      i &+= 1
    }
  }
}
