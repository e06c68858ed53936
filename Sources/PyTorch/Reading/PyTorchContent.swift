import Base
import Zip

/// The pickle of a PyTorch file and the places of its storages.
struct PyTorchContent {
  var heap: PickleHeap
  /// The value of the pickle.
  var root: PickleValue
  /// The path of the pickle in messages.
  var picklePath: String
  /// The storages by their keys.
  var storages: [String: TorchStorageBytes]
  /// The bytes that identify the headers of the file.
  var identityHash: String
  /// The text that this program stored beside the tensors.
  var ownMetadata: [UInt8]?
  /// True if a checksum covers all values.
  var hasChecksums: Bool
}

extension PyTorchContent {
  /// Returns the storages of the pickle by key, after checking that each key stands for one storage.
  static func declaredStorages(
    of heap: PickleHeap, path: String
  ) throws -> [(key: String, storage: TorchStorage)] {
    var first: [String: Int] = [:]
    var declared: [(key: String, storage: TorchStorage)] = []
    for storage in heap.storages {
      if let index = first[storage.key] {
        guard declared[index].storage.isConsistent(with: storage) else {
          throw FormatError(
            .storage,
            "storage '\(PickleMachine.shown(storage.key))' is declared with two types or lengths",
            path: path, byteOffset: storage.pickleOffset)
        }
      } else {
        first[storage.key] = declared.count
        declared.append((storage.key, storage))
      }
    }
    return declared
  }
}
