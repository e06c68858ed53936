import Base
import Checkpoints
import Pages
import TensorCore

/// The inputs of linear layers, read from a file of `calibrate`.
struct CalibratedLayers {
  let layers: [ModelPage.CalibratedLayer]

  private static let maximumPrefix = "calibration.maximum."

  /// - Throws: ``UsageError`` if the file has no such tensors.
  init(_ path: String, _ context: OperationContext) throws {
    let checkpoint = try context.read(path, for: .report)
    let tensors = Dictionary(
      checkpoint.tensors.map { ($0.name, $0) }, uniquingKeysWith: { first, _ in first })
    var found: [ModelPage.CalibratedLayer] = []
    for tensor in checkpoint.tensors where tensor.name.hasPrefix(Self.maximumPrefix) {
      let weight = String(tensor.name.dropFirst(Self.maximumPrefix.count))
      guard let squares = tensors["calibration.sum_squares." + weight],
        let count = tensors["calibration.count." + weight], tensor.info.dtype == .f32,
        squares.info.dtype == .f64, count.info.dtype == .i64, count.info.elementCount == 1
      else { continue }
      let maxima = try tensor.bytes()
      let sums = try squares.bytes()
      let counts = try count.bytes()
      let rows = counts.rawSpan.littleEndian(Int64.self, at: 0) ?? 0
      var (largest, sum) = (0.0, 0.0)
      for index in 0..<tensor.info.elementCount {
        let bits = maxima.rawSpan.littleEndian(UInt32.self, at: 4 * index) ?? 0
        largest = max(largest, Double(Float(bitPattern: bits)))
      }
      for index in 0..<squares.info.elementCount {
        let bits = sums.rawSpan.littleEndian(UInt64.self, at: 8 * index) ?? 0
        sum += Double(bitPattern: bits)
      }
      let values = Double(max(1, rows)) * Double(max(1, squares.info.elementCount))
      found.append(
        ModelPage.CalibratedLayer(
          weight: weight, rootMeanSquare: (sum / values).squareRoot(), largest: largest))
    }
    guard !found.isEmpty else {
      throw UsageError(
        "\(path.printable) has no tensors of inputs",
        hint: "make it with \(command: "calibrate")")
    }
    layers = found
  }
}
