import Base
import Models
import Rotary
import TensorCore

/// The fuzz target for CLEX: a configuration, and the bits of the trained layer.
enum CLEXTarget {
  static func run(_ bytes: [UInt8]) {
    let parts = FuzzFolder.parts(bytes, count: 2)
    let (text, layer) = (parts[0], parts[1])
    guard let root = (try? JSONValue.parse(text.span))?.asObject,
      let rotary = try? RotaryConfig(root)
    else { return }
    let values = stride(from: 0, to: layer.count - 3, by: 4).map {
      Float(bitPattern: layer.rawSpan.littleEndian(UInt32.self, at: $0) ?? 0)
    }
    // Readers refuse layers that are not finite.
    guard values.allSatisfy(\.isFinite) else { return }
    for (_, written) in rotary.layers where (try? written.check()) != nil {
      let half = written.rotaryDim / 2
      guard half > 0, values.count >= half else { continue }
      let width = (values.count - half) / (2 * half)
      let (upEnd, downEnd) = (half + half * width, half + 2 * half * width)
      var settings = written
      settings.clex = CLEXLayer(
        inverse: Array(values[..<half]), up: Array(values[half..<upEnd]),
        down: Array(values[upEnd..<downEnd]))
      for length in [nil, 4096, Int.max] { _ = try? settings.frequencies(length: length) }
    }
  }
}
