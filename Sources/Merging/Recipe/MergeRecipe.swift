package import Base
package import TensorCore

/// A merge recipe, as in the YAML files of mergekit: the method, the models and their parameters.
package struct MergeRecipe: Sendable, Equatable {
  /// A model with its parameters.
  package struct Source: Sendable, Equatable {
    package var model: String
    /// The layers of the model that a slice selects; nil outside of slices.
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

  /// The inputs of a recipe or module: whole models, or slices of layers.
  package enum Parts: Sendable, Equatable {
    case models([Source])
    case slices([Slice])
  }

  /// A part of a model that consists of several, such as a text and a vision tower.
  ///
  /// The names of its tensors begin with the name of the module.
  package struct Module: Sendable, Equatable {
    package var name: String
    package var parts: Parts
    package var parameters: MergeParameters
  }

  /// The model whose tokenizer the output receives.
  package enum TokenizerSource: Sendable, Equatable {
    case base
    /// The tokens of all models together.
    case union
    case model(String)
  }

  package var method: String
  package var base: String?
  /// The models or slices; nil if `modules` are given.
  package var parts: Parts?
  package var modules: [Module]
  package var parameters: MergeParameters
  package var dtype: DType?
  package var outDType: DType?
  package var tokenizer: TokenizerSource?
  /// Notes on what the recipe asks for and what is done instead.
  package var notes: [Message] = []

  /// The models that the recipe names, each once, in order.
  package var models: [String] {
    var names: [String] = []
    var seen: Set<UTF8Key> = []
    func add(_ name: String?) {
      if let name, seen.insert(UTF8Key(name)).inserted { names.append(name) }
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
    if case .model(let name) = tokenizer { add(name) }
    return names
  }
}
