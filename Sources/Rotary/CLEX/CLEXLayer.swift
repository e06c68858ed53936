package import Base
package import Checkpoints
import TensorCore

/// The trained layer of CLEX: frequencies at the start, and a network of two products.
package struct CLEXLayer: Sendable, Equatable {
  /// What the names of its tensors end with, behind `model.` or another prefix.
  package static let tensorNames = [
    "clex_layer.inv_freq", "clex_layer.proj_func.ode_up_proj",
    "clex_layer.proj_func.ode_down_proj",
  ]

  /// [D/2]; where the checkpoint has it rounded, as it is there.
  package var inverse: [Float]
  /// [D/2, width] and [width, D/2]; empty for a layer that was not trained.
  package var up: [Float]
  package var down: [Float]

  package var width: Int { inverse.isEmpty ? 0 : up.count / inverse.count }
  package var isTrained: Bool { !up.isEmpty }

  /// The start of the dynamics, where no layer was trained.
  package init(untrained settings: RopeSettings) {
    inverse = settings.standardFrequencies.map { Float($0) }
    (up, down) = ([], [])
  }

  package init(inverse: [Float], up: [Float], down: [Float]) {
    self.inverse = inverse
    self.up = up
    self.down = down
  }

  /// The layer of a model; nil if it has none.
  /// - Throws: an error if a part of it is missing or too large.
  package init?(_ checkpoint: Checkpoint, settings: RopeSettings) throws {
    func tensor(_ name: String) -> LazyTensor? {
      checkpoint.tensors.first { $0.name == name || $0.name.hasSuffix("." + name) }
    }
    let (start, up, down) = (
      tensor(Self.tensorNames[0]), tensor(Self.tensorNames[1]), tensor(Self.tensorNames[2])
    )
    guard let present = up ?? down else { return nil }
    guard let up, let down else {
      throw FormatError(
        .clex, "is there, the other projection of CLEX is not", path: checkpoint.path,
        tensor: present.name)
    }
    self.up = try Self.floats(up, path: checkpoint.path)
    self.down = try Self.floats(down, path: checkpoint.path)
    inverse =
      try start.map { try Self.floats($0, path: checkpoint.path) }
      ?? settings.standardFrequencies.map { Float($0) }
    let half = settings.rotaryDim / 2
    let dimensions = up.info.shape.dimensions
    guard inverse.count == half, dimensions.count == 2, dimensions[0] == half,
      down.info.shape.dimensions == [dimensions[1], half]
    else {
      throw FormatError(
        .clex,
        "is \(up.info.shape), with \(down.info.shape) and \(inverse.count) frequencies beside it; "
          + "the configuration has \(half) frequencies",
        path: checkpoint.path, tensor: up.name)
    }
  }

  private static func floats(_ tensor: LazyTensor, path: String) throws -> [Float] {
    guard tensor.info.dtype.isPlainFloat, tensor.info.elementCount <= 1 << 24 else {
      throw FormatError(
        .clex, "is \(tensor.info.dtype.name) \(tensor.info.shape), expected up to 2^24 floats",
        path: path, tensor: tensor.name)
    }
    let bytes = try tensor.bytes()
    var buffer = ByteBuffer(byteCount: 4 * tensor.info.elementCount)
    var span = buffer.mutableBytes
    try Kernels.best.convert(
      bytes.rawSpan, from: tensor.info.dtype, to: .f32, elementCount: tensor.info.elementCount,
      saturating: false, into: &span)
    let values = span.bytes
    let floats = (0..<tensor.info.elementCount).map {
      Float(bitPattern: values.littleEndian(UInt32.self, at: 4 * $0)!)
    }
    guard floats.allSatisfy(\.isFinite) else {
      throw FormatError(
        .clex, "has a value that is not finite", path: path, tensor: tensor.name)
    }
    return floats
  }

  /// Whether it fits the configuration.
  func check(_ settings: RopeSettings, _ parameters: CLEXParameters) throws(RopeFault) {
    guard inverse.count > 1 else {
      throw RopeFault(
        "CLEX needs more than 2 rotated dimensions, head_dim gives \(settings.rotaryDim)")
    }
    guard isTrained else { return }
    let wanted = Int(parameters.parameterFactor * Double(2 * inverse.count))
    guard width == wanted else {
      throw RopeFault(
        "the projections of CLEX have width \(width), param_factor "
          + "\(parameters.parameterFactor) gives \(wanted)")
    }
  }
}

extension FormatError.Code {
  package static let clex = FormatError.Code(
    "rope.clex",
    meaning: "The tensors of CLEX in a model are missing or malformed.",
    remedy: "Use the checkpoint that was tuned with CLEX, with all its tensors.")
}
