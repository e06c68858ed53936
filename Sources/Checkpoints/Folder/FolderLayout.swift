package import Base

/// The parts of a model folder that belong to no tensor: the name of its weights files, and the keys of its index
/// that a writer does not make itself.
package struct FolderLayout: Sendable, Equatable {
  package static let defaultWeightsName = "model"
  /// Leaves room for the number of a shard and the suffix in a file name.
  private static let maximumNameByteCount = 200

  /// The name of the weights without `.safetensors` and the number of a shard, such as
  /// `diffusion_pytorch_model.fp16`.
  package var weightsName: String
  /// The members of the index other than `metadata` and `weight_map`.
  package var indexMembers = JSONObject()
  /// The members of the index's `metadata` other than `total_size`.
  ///
  /// `total_parameters` is among them only if it is not the number of values.
  package var indexMetadata = JSONObject()
  /// True if the index states the number of values as `total_parameters`.
  package var countsParameters = false
  /// The subfolders with weights of their own, in the order of their tensors.
  package var components: [ComponentLayout] = []

  package init(weightsName: String = FolderLayout.defaultWeightsName) {
    self.weightsName = weightsName
  }

  /// Returns the index of the component that a tensor belongs to, the one with the longest path; nil for a tensor of the
  /// folder itself.
  package func component(of tensor: String) -> Int? {
    components.indices.filter { tensor.hasPrefix(components[$0].prefix) }
      .max { components[$0].path.utf8.count < components[$1].path.utf8.count }
  }

  /// True if the index has keys that a writer would not write without this layout.
  package var hasIndexKeys: Bool { !indexMembers.isEmpty || !indexMetadata.isEmpty }

  /// Returns true if files can be named after `name`: it is a plain name and not hidden.
  package static func isValid(weightsName name: String) -> Bool {
    RelativePath.isSafe(name) && !name.utf8.contains(UInt8(ascii: "/")) && !name.hasPrefix(".")
      && name.utf8.count <= maximumNameByteCount
  }
}

/// A component of a model folder: a subfolder with weights of its own, such as `unet` in a pipeline of diffusers.
package struct ComponentLayout: Sendable, Equatable {
  /// The path of the subfolder. The names of its tensors start with it and a slash.
  package var path: String
  /// The names of its weights files, and the keys of its index.
  package var layout: FolderLayout
  /// The metadata of its weights files.
  package var metadata: [Checkpoint.Metadatum]

  package init(path: String, layout: FolderLayout, metadata: [Checkpoint.Metadatum]) {
    self.path = path
    self.layout = layout
    self.metadata = metadata
  }

  /// The start of the names of its tensors.
  package var prefix: String { path + "/" }

  /// Returns true if a subfolder of this path can be written: the path is safe and not hidden.
  package static func isValid(path: String) -> Bool {
    RelativePath.isSafe(path)
      && !RelativePath.components(of: path).contains { $0.utf8.first == UInt8(ascii: ".") }
  }
}
