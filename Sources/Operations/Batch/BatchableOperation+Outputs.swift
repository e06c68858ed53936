import Checkpoints

extension ConvertOperation: BatchableOperation {
  package var inputPaths: [String] { [input] }
  package var otherPaths: [String] {
    [appendTo, storage.calibration, selection.namesFile].compactMap(\.self)
      + (evaluation?.paths ?? [])
  }

  package mutating func bind(input: String, output: String) {
    self.input = input
    self.output.path = output
  }
}

extension PruneOperation: BatchableOperation {
  package var inputPaths: [String] { [input] }
  package var otherPaths: [String] {
    [settings.norms, settings.mask, rewind, selection.namesFile].compactMap(\.self) + surveys
      + (evaluation?.paths ?? [])
  }
  package var unsharedSettings: [String] { maskOutput == nil ? [] : ["save-mask"] }

  package mutating func bind(input: String, output: String) {
    self.input = input
    self.output.path = output
    recordsDecisions = false
  }
}

extension RopeScaleOperation: BatchableOperation {
  package var inputPaths: [String] { [model] }
  package var otherPaths: [String] {
    [settings.factors].compactMap(\.self) + (evaluation?.paths ?? [])
  }
  package var outputSuffix: String {
    output.formatSuffix
  }

  package mutating func bind(input: String, output: String) {
    model = input
    self.output.path = output
  }
}

extension VectorExtractOperation: BatchableOperation {
  package var inputPaths: [String] { [tuned] }
  package var otherPaths: [String] { [base] + [selection.namesFile].compactMap(\.self) }

  package mutating func bind(input: String, output: String) {
    tuned = input
    self.output.path = output
  }
}

extension VectorApplyOperation: BatchableOperation {
  package var inputPaths: [String] { vectors }
  package var otherPaths: [String] { [base] }

  package mutating func bind(input: String, output: String) {
    vectors = [input]
    self.output.path = output
  }
}

extension VectorNegateOperation: BatchableOperation {
  package var inputPaths: [String] { [vector] }

  package mutating func bind(input: String, output: String) {
    vector = input
    self.output.path = output
  }
}

extension VectorCompressOperation: BatchableOperation {
  package var inputPaths: [String] { [vector] }

  package mutating func bind(input: String, output: String) {
    vector = input
    self.output.path = output
  }
}

extension CachePackOperation: BatchableOperation {
  package var opensFolders: Bool { false }
  package var inputPaths: [String] { caches }
  package var otherPaths: [String] { [input.model].compactMap(\.self) }

  package mutating func bind(input: String, output: String) {
    caches = [input]
    self.output.path = output
  }
}

extension CacheUnpackOperation: BatchableOperation {
  package var opensFolders: Bool { false }
  package var inputPaths: [String] { [packed] }
  package var otherPaths: [String] { [input.model].compactMap(\.self) }
  package var outputSuffix: String { layout.outputSuffix }

  package mutating func bind(input: String, output: String) {
    packed = input
    self.output.path = output
  }
}

extension CacheConvertOperation: BatchableOperation {
  package var opensFolders: Bool { false }
  package var inputPaths: [String] { caches }
  package var otherPaths: [String] { [input.model].compactMap(\.self) }
  package var outputSuffix: String { layout.outputSuffix }

  package mutating func bind(input: String, output: String) {
    caches = [input]
    self.output.path = output
  }
}

extension CacheLayoutSettings {
  /// The suffix of the files of the layout, including the dot; empty for folders.
  fileprivate var outputSuffix: String {
    switch name {
    case nil, "safetensors", "mlx", "mlx-older": ".safetensors"
    case "llamacpp": ".seq"
    default: ""
    }
  }
}
