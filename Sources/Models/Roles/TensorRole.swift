package import TensorCore

/// The role of a tensor in a model.
///
/// Roles decide how the values of a tensor group into rows, and which tensors a general option applies to.
package enum TensorRole: Hashable, Sendable {
  /// A matrix that multiplies activations: `[out, in]` or `[in, out]`.
  case matrix(InputAxes)
  /// The kernel of a convolution: `[out, in, k…]` or `[k…, in, out]`.
  case convolution(InputAxes)
  /// The matrices of several experts, or of several layers, in one tensor: `[…, out, in]` or `[…, in, out]`.
  case experts(InputAxes)
  /// A table of vectors: of tokens, positions, types or codes.
  case embedding
  /// The gain of a normalization.
  case norm
  /// A vector that is added to activations.
  case bias
  /// A parameter that scales or shifts values one by one: a layer scale, a gate, the decay of a state space.
  case elementwise
  /// A part of a matrix that is stored quantized.
  case quantized(QuantizedPart)
  /// Values that are not trained: rotary frequencies, position ids, running statistics, masks.
  case buffer
  /// A part of an adapter.
  case adapter(AdapterPart)
  /// A tensor without floats or a vector, with a name that does not determine its role.
  case unknown

  /// The axes of a tensor along which inputs are summed.
  package enum InputAxes: String, Sendable, CaseIterable {
    /// `[…, out, in]`
    case last
    /// `[in, out…]`
    case first
    /// `[…, in, out]`
    case beforeLast
    /// `[out, in, k…]`
    case allButFirst
    /// `[k…, in, out]`
    case allButLast
  }

  /// The parts of a matrix that is stored quantized.
  package enum QuantizedPart: String, Sendable, CaseIterable {
    /// The codes that stand for the values.
    case codes
    /// Scales, codebooks, and the largest magnitudes that scales come from.
    case scales
    /// Zero points, or the smallest values of groups.
    case zeros
    /// The order of groups, the shape, and other descriptions.
    case description
  }

  /// The parts of an adapter.
  package enum AdapterPart: String, Sendable, CaseIterable {
    /// The factor that reads the inputs: `[r, in]`.
    case a
    /// The factor that computes the outputs: `[out, r]`.
    case b
    /// A strength or a magnitude.
    case scale
  }
}

// MARK: Default scope

extension TensorRole {
  /// The reason why a general option, such as `--type`, does not apply to a tensor by default.
  package enum Exemption: String, Sendable, CaseIterable {
    case norm, bias, elementwise, buffer
    /// A part of a stored quantization, which has no meaning alone.
    case quantized
    /// At most one dimension is not 1.
    case vector
    /// The values are not floats.
    case notFloat
  }

  /// Returns why a general option does not apply to a tensor of this role by default; nil if it applies.
  package func exemption(_ info: TensorInfo) -> Exemption? {
    switch self {
    case .norm: return .norm
    case .bias: return .bias
    case .elementwise, .adapter(.scale): return .elementwise
    case .buffer: return .buffer
    case .quantized: return .quantized
    // Float tensors with more dimensions always have a role.
    case .unknown: return info.dtype.isFloat ? .vector : .notFloat
    case .matrix, .convolution, .experts, .embedding, .adapter(.a), .adapter(.b):
      if !info.dtype.isFloat { return .notFloat }
      return info.shape.isVector ? .vector : nil
    }
  }
}

extension Shape {
  /// True if the shape is that of a vector, whatever its rank; `[1, n]` and `[n, 1]` are matrices.
  var isVector: Bool {
    dimensions.count < 2
      || dimensions.count > 2 && dimensions.count { $0 != 1 } < 2
  }
}

// MARK: Roles of a checkpoint

extension TensorRole {
  /// Returns the role of each tensor. It depends on the name, shape and dtype of the tensor, on the other tensors, and
  /// on the configuration of the model.
  /// - Complexity: O(*n*) for *n* tensors; no values are read.
  package static func roles(
    of infos: [TensorInfo], configuration: ModelConfiguration? = nil
  ) -> [TensorRole] {
    let model = RoleSurroundings(infos, configuration)
    return infos.map { info in
      RoleRules.rule(for: info, in: model).map { model.role($0.outcome, of: info) } ?? .unknown
    }
  }
}
