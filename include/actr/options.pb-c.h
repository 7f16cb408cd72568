/*
 * For the code that protoc-c makes of a .proto file with `import "actr/options.proto"`: the options
 * matter to protoc-gen-actr alone, so there is nothing to declare.
 */
