package import Base
package import Checkpoints
import TensorCore

/// The trained CLEX layer: the initial frequencies and a network of two matrix products.
package struct CLEXLayer: Sendable, Equatable {
  /// The names of the tensors of the layer, without a prefix such as `model.`.
  package static let tensorNames = [
    "clex_layer.inv_freq", "clex_layer.proj_func.ode_up_proj",
    "clex_layer.proj_func.ode_down_proj",
  ]

  /// True for the name of a tensor of the layer, with any prefix.
  package static func isPart(_ name: String) -> Bool {
    tensorNames.contains { name == $0 || name.hasSuffix("." + $0) }
  }

  /// The initial frequencies, shape `[D/2]`, with the precision that the checkpoint stores.
  package var inverse: [Float]
  /// The first projection, shape `[D/2, width]`; empty for an untrained layer.
  package var up: [Float]
  /// The second projection, shape `[width, D/2]`; empty for an untrained layer.
  package var down: [Float]

  package var width: Int { inverse.isEmpty ? 0 : up.count / inverse.count }
  /// True if the layer has trained projections.
  package var isTrained: Bool { !up.isEmpty }

  /// Creates a layer without trained projections, which starts from the frequencies of `settings`.
  package init(untrained settings: RopeSettings) {
    inverse = settings.unscaledFrequencies.map { Float($0) }
    (up, down) = ([], [])
  }

  package init(inverse: [Float], up: [Float], down: [Float]) {
    self.inverse = inverse
    self.up = up
    self.down = down
  }

  /// Reads the layer of a model; returns nil if the model has no projections of CLEX.
  /// - Throws: ``FormatError`` if a tensor is missing, too large, not finite or of the wrong shape.
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
        .clex, "is present, but the other CLEX projection is missing", path: checkpoint.path,
        tensor: present.name)
    }
    self.up = try Self.floats(up, path: checkpoint.path)
    self.down = try Self.floats(down, path: checkpoint.path)
    inverse =
      try start.map { try Self.floats($0, path: checkpoint.path) }
      ?? settings.unscaledFrequencies.map { Float($0) }
    let half = settings.rotaryDim / 2
    let dimensions = up.info.shape.dimensions
    guard inverse.count == half, dimensions.count == 2, dimensions[0] == half,
      down.info.shape.dimensions == [dimensions[1], half]
    else {
      throw FormatError(
        .clex,
        "is \(up.info.shape), the other projection is \(down.info.shape), and there are "
          + "\(inverse.count) frequencies; the configuration has \(half) frequencies",
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
        .clex, "contains a value that is not finite", path: path, tensor: tensor.name)
    }
    return floats
  }

  /// Checks that the layer matches the configuration.
  /// - Throws: a fault that says which size does not match.
  func check(_ settings: RopeSettings, _ parameters: CLEXParameters) throws(RopeFault) {
    guard inverse.count > 1 else {
      throw RopeFault(
        "CLEX needs more than 2 rotated dimensions, found \(settings.rotaryDim)")
    }
    try parameters.check(
      parameterCount: up.count + down.count, frequencyCount: inverse.count)
    guard isTrained else { return }
    let wanted = parameters.width(frequencyCount: inverse.count)
    guard width == wanted else {
      throw RopeFault(
        "the CLEX projections have width \(width), expected \(wanted) from param_factor "
          + "\(parameters.parameterFactor)")
    }
  }
}

extension FormatError.Code {
  package static let clex = FormatError.Code(
    "rope.clex",
    meaning: "The CLEX tensors of a model are missing or malformed.",
    remedy: "Use the checkpoint that was tuned with CLEX, with all its tensors.")
}
