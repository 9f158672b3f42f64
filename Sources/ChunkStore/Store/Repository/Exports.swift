// `import ChunkStore` brings these along: users of the library need name no other module.
@_exported public import ObjectStorage
@_exported public import ServeStorage
@_exported public import StoreCrypto
@_exported public import StoreEncoding
@_exported public import StoreFormat
