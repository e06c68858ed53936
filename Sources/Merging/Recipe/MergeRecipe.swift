import Base
package import TensorCore

/// What is to be merged, how and of which models: mergekit's YAML as values.
package struct MergeRecipe: Sendable, Equatable {
  /// A model with its parameters, in the order of the file.
  package struct Source: Sendable, Equatable {
    package var model: String
    /// Layers of the model that a slice takes: the first, and the one behind the last.
    package var layers: Range<Int>?
    package var parameters: MergeParameters
    package var line: Int
  }

  /// A run of output layers.
  package struct Slice: Sendable, Equatable {
    package var sources: [Source]
    package var base: String?
    package var parameters: MergeParameters
    package var line: Int
  }

  package enum Parts: Sendable, Equatable {
    case models([Source])
    case slices([Slice])
  }

  /// A part of a model of several, such as a text and a vision tower; its name stands before the
  /// names of its tensors.
  package struct Module: Sendable, Equatable {
    package var name: String
    package var parts: Parts
    package var parameters: MergeParameters
  }

  package var method: String
  package var base: String?
  /// nil where `modules` are given.
  package var parts: Parts?
  package var modules: [Module]
  package var parameters: MergeParameters
  package var dtype: DType?
  package var outDType: DType?

  /// All models that are named, each once, in order.
  package var models: [String] {
    var names: [String] = []
    func add(_ name: String?) {
      if let name, !names.contains(name) { names.append(name) }
    }
    for part in [parts].compactMap(\.self) + modules.map(\.parts) {
      switch part {
      case .models(let sources):
        for source in sources { add(source.model) }
      case .slices(let slices):
        for slice in slices {
          for source in slice.sources { add(source.model) }
          add(slice.base)
        }
      }
    }
    add(base)
    return names
  }
}
