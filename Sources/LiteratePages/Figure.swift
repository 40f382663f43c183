/// A picture in a file of its own: what `Plot` and `ImageGrid` draw, and what a page shows.
package struct Figure: Sendable {
  /// Says what is seen, for whoever does not see it.
  package var title: String
  /// Stands below the picture, in markdown.
  package var caption: String
  /// A whole SVG document.
  package var svg: String

  package init(title: String, caption: String, svg: String) {
    self.title = title
    self.caption = caption
    self.svg = svg
  }
}

/// Collects the elements of a drawing. Lengths are pixels, the origin is top left, and
/// coordinates are written with one decimal, so that the file does not depend on last bits.
struct SVGDrawing {
  let width: Double
  let height: Double
  private var body = ""

  init(width: Double, height: Double) {
    self.width = width
    self.height = height
  }

  /// Where a text is anchored.
  enum Anchor: String {
    case start
    case middle
    case end
  }

  mutating func line(_ x1: Double, _ y1: Double, _ x2: Double, _ y2: Double, class style: String) {
    body +=
      "<line class=\"\(style)\" x1=\"\(px(x1))\" y1=\"\(px(y1))\""
      + " x2=\"\(px(x2))\" y2=\"\(px(y2))\"/>\n"
  }

  mutating func rectangle(
    _ x: Double, _ y: Double, _ width: Double, _ height: Double, attributes: String
  ) {
    body +=
      "<rect \(attributes) x=\"\(px(x))\" y=\"\(px(y))\""
      + " width=\"\(px(width))\" height=\"\(px(height))\"/>\n"
  }

  mutating func text(
    _ x: Double, _ y: Double, _ text: String, class style: String, anchor: Anchor = .start,
    turned: Bool = false
  ) {
    let turn = turned ? " transform=\"rotate(-90 \(px(x)) \(px(y)))\"" : ""
    body +=
      "<text class=\"\(style)\" x=\"\(px(x))\" y=\"\(px(y))\""
      + " text-anchor=\"\(anchor.rawValue)\"\(turn)>"
      + escapedForXML(text) + "</text>\n"
  }

  /// A path through points; `nil` interrupts it.
  mutating func path(_ points: [(x: Double, y: Double)?], class style: String) {
    var data = ""
    var isDown = false
    var last = ""
    for point in points {
      guard let point else {
        isDown = false
        continue
      }
      let position = "\(px(point.x)) \(px(point.y))"
      if isDown, position == last { continue }
      data += (isDown ? "L" : "M") + position
      isDown = true
      last = position
    }
    body += "<path class=\"\(style)\" d=\"\(data)\"/>\n"
  }

  /// Anything else.
  mutating func add(_ element: String) {
    body += element + "\n"
  }

  /// The document, with its own style for light and for dark surroundings.
  func document(title: String) -> String {
    let size = "width=\"\(px(width))\" height=\"\(px(height))\""
    let box = "viewBox=\"0 0 \(px(width)) \(px(height))\""
    return """
      <svg xmlns="http://www.w3.org/2000/svg" \(box) \(size) role="img">
      <title>\(escapedForXML(title))</title>
      <style>
      \(Self.style)
      </style>
      <rect class="paper" width="100%" height="100%"/>
      \(body)</svg>

      """
  }

  /// Colours that remain apart for colour-blind eyes (after M. Okabe and K. Ito, "Color Universal
  /// Design", 2008), darker on white, lighter on black.
  private static let colors = [
    (light: "#0072b2", dark: "#56b4e9"), (light: "#d55e00", dark: "#ff8b3d"),
    (light: "#00855e", dark: "#2fd0a0"), (light: "#b0578d", dark: "#e79ac6"),
    (light: "#946a00", dark: "#e6b422"), (light: "#5b5bd6", dark: "#a5a5ff"),
    (light: "#55606b", dark: "#b6c0ca"), (light: "#7a1f1f", dark: "#f0a0a0"),
  ]

  /// How many series can be told apart.
  static let colorCount = colors.count

  private static var style: String {
    let seriesRules = { (color: (Int) -> String) in
      colors.indices.map { ".s\($0){stroke:\(color($0))}.f\($0){fill:\(color($0))}" }.joined()
    }
    let rules = { (paper: String, ink: String, soft: String, grid: String) in
      ".paper{fill:\(paper)}.ink{fill:\(ink)}.soft{fill:\(soft)}.grid{stroke:\(grid)}"
        + ".frame{stroke:\(soft)}.mark{stroke:\(ink)}.halo{stroke:\(paper)}"
    }
    return """
      text{font:12px system-ui,-apple-system,"Segoe UI",Helvetica,Arial,sans-serif}
      .title{font-size:15px;font-weight:600}
      .halo{stroke-width:4px;stroke-linejoin:round;paint-order:stroke}
      .grid,.frame{stroke-width:1px;fill:none}
      .mark{stroke-width:1.2px;stroke-dasharray:2 3;fill:none}
      .curve{stroke-width:2px;stroke-linejoin:round;stroke-linecap:round;fill:none}
      .dashed{stroke-dasharray:7 5}
      \(rules("#ffffff", "#1f2328", "#59636e", "#e4e8ec"))
      \(seriesRules { colors[$0].light })
      @media (prefers-color-scheme:dark){
      \(rules("#0d1117", "#f0f6fc", "#9198a1", "#2a313a"))
      \(seriesRules { colors[$0].dark })
      }
      """
  }
}

/// A length with one decimal: `12`, `0.5`.
func px(_ x: Double) -> String {
  let tenths = (x * 10).rounded()
  guard tenths.magnitude < 1e9 else { return tenths < 0 ? "-99999" : "99999" }
  let whole = Int(tenths)
  let sign = whole < 0 ? "-" : ""
  let (quotient, remainder) = whole.magnitude.quotientAndRemainder(dividingBy: 10)
  return sign + (remainder == 0 ? "\(quotient)" : "\(quotient).\(remainder)")
}

/// Text as XML holds it; characters that XML forbids become `�`.
func escapedForXML(_ text: String) -> String {
  var result = ""
  for scalar in text.unicodeScalars {
    switch scalar {
    case "&": result += "&amp;"
    case "<": result += "&lt;"
    case ">": result += "&gt;"
    case "\"": result += "&quot;"
    case "\t", "\n", "\r": result += " "
    case "\u{0}"..<" ", "\u{FFFE}", "\u{FFFF}": result += "\u{FFFD}"
    default: result.unicodeScalars.append(scalar)
    }
  }
  return result
}
