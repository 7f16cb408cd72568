/*
 * Unary calls over gRPC C++ (callback API, HTTP/2 without TLS on loopback), to compare with: the
 * same work as examples/echo.
 *
 *   grpc_echo serve PORT
 *   grpc_echo call PORT COUNT SIZE CONCURRENCY    one JSON line
 */
#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstdio>
#include <cstring>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "echo_peer.grpc.pb.h"

namespace
{

class EchoService final : public peer::Echo::CallbackService
{
	grpc::ServerUnaryReactor *Say(grpc::CallbackServerContext *context,
				      const peer::Bytes *request, peer::Bytes *response) override
	{
		auto *reactor = context->DefaultReactor();

		response->set_data(request->data());
		reactor->Finish(grpc::Status::OK);
		return reactor;
	}
};

int serve(const std::string &address)
{
	EchoService service;
	grpc::ServerBuilder builder;

	builder.AddListeningPort(address, grpc::InsecureServerCredentials());
	builder.RegisterService(&service);
	auto server = builder.BuildAndStart();
	if (!server)
		return 1;
	std::puts("ready");
	std::fflush(stdout);
	server->Wait();
	return 0;
}

uint64_t now_ns()
{
	return static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::nanoseconds>(
					     std::chrono::steady_clock::now().time_since_epoch())
					     .count());
}

/* CONCURRENCY slots, each with one call running; the end of a call starts the next. */
class Caller
{
      public:
	Caller(const std::string &address, size_t count, size_t size)
	    : stub_(peer::Echo::NewStub(
		      grpc::CreateChannel(address, grpc::InsecureChannelCredentials()))),
	      latency_ns_(count)
	{
		request_.set_data(std::string(size, 'x'));
	}

	void run(size_t concurrency)
	{
		uint64_t began = now_ns();

		running_ = concurrency;
		for (size_t i = 0; i < concurrency; i++)
			next();
		std::unique_lock<std::mutex> lock(mutex_);
		ended_.wait(lock, [this] { return running_ == 0; });
		seconds_ = static_cast<double>(now_ns() - began) * 1e-9;
	}

	void print()
	{
		size_t count = latency_ns_.size();

		std::sort(latency_ns_.begin(), latency_ns_.end());
		std::printf(
			"{\"calls_per_s\":%.0f,\"p50_us\":%.1f,\"p99_us\":%.1f,\"errors\":%zu}\n",
			static_cast<double>(count) / seconds_,
			static_cast<double>(latency_ns_[count / 2]) * 1e-3,
			static_cast<double>(latency_ns_[count * 99 / 100]) * 1e-3, errors_.load());
	}

      private:
	struct Call {
		grpc::ClientContext context;
		peer::Bytes response;
		size_t number;
		uint64_t began_ns;
	};

	void next()
	{
		size_t number = next_.fetch_add(1);

		if (number >= latency_ns_.size()) {
			std::lock_guard<std::mutex> lock(mutex_);
			if (--running_ == 0)
				ended_.notify_one();
			return;
		}
		auto *call = new Call{};
		call->number = number;
		call->began_ns = now_ns();
		stub_->async()->Say(&call->context, &request_, &call->response,
				    [this, call](grpc::Status status) {
					    if (!status.ok())
						    errors_++;
					    latency_ns_[call->number] = now_ns() - call->began_ns;
					    delete call;
					    next();
				    });
	}

	std::unique_ptr<peer::Echo::Stub> stub_;
	peer::Bytes request_;
	std::vector<uint64_t> latency_ns_;
	std::atomic<size_t> next_{0}, errors_{0};
	std::mutex mutex_;
	std::condition_variable ended_;
	size_t running_ = 0;
	double seconds_ = 0;
};

} // namespace

int main(int argc, char **argv)
{
	std::string address = std::string("127.0.0.1:") + (argc > 2 ? argv[2] : "0");

	if (argc == 3 && !std::strcmp(argv[1], "serve"))
		return serve(address);
	if (argc == 6 && !std::strcmp(argv[1], "call")) {
		Caller caller(address, std::stoul(argv[3]), std::stoul(argv[4]));

		caller.run(std::stoul(argv[5]));
		caller.print();
		return 0;
	}
	std::fputs("usage: grpc_echo serve PORT | call PORT COUNT SIZE CONCURRENCY\n", stderr);
	return 2;
}
