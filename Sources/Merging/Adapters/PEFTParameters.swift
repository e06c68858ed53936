import Base
import Checkpoints
import Packing
import TensorCore

/// The factors of parameters that PEFT's `target_parameters` names, such as the weights of all experts of a layer.
///
/// A name in the file has the module but not the parameter: factors of several parameters of a module are nested as
/// `MODULE.base_layer.lora_A`. The shapes of the base decide which parameter is meant, and in which order it
/// stores inputs and outputs.
///
/// Source: `ParamWrapper` of PEFT 0.21.
struct PEFTParameters {
  private let config: PEFTConfig
  private let adapter: AdapterFile

  init(_ config: PEFTConfig, _ adapter: AdapterFile) {
    self.config = config
    self.adapter = adapter
  }

  /// Returns the change of a module's parameter, with all its possible meanings; nil if the module has no target
  /// parameters.
  func change(_ module: AdapterModules.Module) throws -> TaskVector.Tensor? {
    let words = module.name.split(separator: ".", omittingEmptySubsequences: false)
    let path = words.filter { $0 != "base_layer" }.joined(separator: ".")
    let names = config.targetParameters.compactMap { target -> String? in
      let name = path + "." + (target.split(separator: ".").last ?? "")
      return name == target || name.hasSuffix("." + target) ? name : nil
    }
    guard !names.isEmpty else { return nil }
    let candidates = try names.flatMap { try changes(module, of: $0) }
    guard let first = candidates.first else {
      throw adapter.fault("has factors that fit none of its parameters", tensor: module.name)
    }
    guard candidates.count > 1 else { return first }
    var result = first
    result.sum.info.name = path
    result.target = .oneOf(candidates)
    return result
  }

  /// Returns the changes that factors may be if they belong to a parameter.
  private func changes(
    _ module: AdapterModules.Module, of name: String
  ) throws -> [TaskVector.Tensor] {
    let factors = try AdapterFactors(module, of: adapter, target: name)
    let (rank, scale) = (try config.rank(of: name), try config.scale(of: name))
    let (a, b) = (factors.a.info.shape.dimensions, factors.b.info.shape.dimensions)
    guard a.count == 2, b.count == 2, a[0] == b[1], a[0] > 0, a[0] % rank == 0 else { return [] }
    let count = a[0] / rank
    guard count > 1 else { return [try factors.product(rank: rank, scale: scale)] }
    let strides = StackedFactors.Strides(matrix: 1, row: a[0], column: count)
    let stack = StackedFactors(
      a: factors.a, b: factors.b, count: count, rank: rank, inputs: a[1], outputs: b[0],
      stridesOfB: strides)
    return try [false, true].map {
      try stack.change(named: name, scale: scale, isInputMajor: $0)
    }
  }
}
