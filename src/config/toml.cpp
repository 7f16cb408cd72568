/*
 * The only file that sees toml++ (and C++): it turns its tree into ours, and its exceptions into
 * codes. No exception leaves this file.
 */
#include <exception>
#include <new>
#include <sstream>
#include <string>
#include <string_view>

#include <toml++/toml.h>

extern "C" {
#include "config/toml_internal.h"
}

namespace
{

struct failure {
	int code;
	uint32_t line;
};

char *copy(actr__arena *arena, std::string_view text, uint32_t line)
{
	if (text.find('\0') != std::string_view::npos)
		throw failure{ACTR_E_CONFIG, line};
	char *piece = actr__arena_strndup(arena, text.data(), text.size());
	if (!piece)
		throw failure{ACTR_E_NOMEM, line};
	return piece;
}

actr__toml *convert(actr__arena *arena, const toml::node &node, const char *key, uint32_t line);

void append(actr__toml *parent, actr__toml ***at, actr__toml *child)
{
	**at = child;
	*at = &child->next;
	parent->count++;
}

void fill_table(actr__arena *arena, const toml::table &table, actr__toml *out)
{
	actr__toml **at = &out->first;

	for (auto &&[key, value] : table) {
		uint32_t line = key.source().begin.line;
		append(out, &at, convert(arena, value, copy(arena, key.str(), line), line));
	}
}

void fill_array(actr__arena *arena, const toml::array &array, actr__toml *out)
{
	actr__toml **at = &out->first;

	for (const toml::node &value : array)
		append(out, &at, convert(arena, value, "", 0));
}

const char *time_text(actr__arena *arena, const toml::node &node, uint32_t line)
{
	std::ostringstream text;

	node.visit([&](auto &value) {
		if constexpr (toml::is_chronological<decltype(value)>)
			text << value.get();
	});
	return copy(arena, text.str(), line);
}

actr__toml *convert(actr__arena *arena, const toml::node &node, const char *key, uint32_t line)
{
	auto *out = static_cast<actr__toml *>(actr__arena_alloc(arena, sizeof(actr__toml)));

	if (!out)
		throw failure{ACTR_E_NOMEM, line};
	*out = actr__toml{};
	out->key = key;
	out->line = line ? line : node.source().begin.line;
	if (const toml::table *table = node.as_table()) {
		out->kind = ACTR__TOML_TABLE;
		fill_table(arena, *table, out);
	} else if (const toml::array *array = node.as_array()) {
		out->kind = ACTR__TOML_ARRAY;
		fill_array(arena, *array, out);
	} else if (const auto *text = node.as_string()) {
		out->kind = ACTR__TOML_TEXT;
		out->text = copy(arena, text->get(), out->line);
	} else if (const auto *integer = node.as_integer()) {
		out->kind = ACTR__TOML_INTEGER;
		out->integer = integer->get();
	} else if (const auto *flag = node.as_boolean()) {
		out->kind = ACTR__TOML_BOOL;
		out->integer = flag->get();
	} else if (const auto *real = node.as_floating_point()) {
		out->kind = ACTR__TOML_REAL;
		out->real = real->get();
	} else {
		out->kind = ACTR__TOML_TIME;
		out->text = time_text(arena, node, out->line);
	}
	return out;
}

} // namespace

extern "C" int actr__toml_convert(struct actr__arena *arena, const char *name, const char *text,
				  size_t size, const struct actr__toml **ret_document,
				  actr_error *err)
{
	try {
		toml::table document = toml::parse(std::string_view(text, size));
		*ret_document = convert(arena, document, "", 1);
		return 0;
	} catch (const toml::parse_error &e) {
		std::string_view words = e.description();
		return actr__fail(err, ACTR_E_CONFIG, "%s:%u: not valid TOML: %.*s", name,
				  e.source().begin.line, static_cast<int>(words.size()),
				  words.data());
	} catch (const failure &e) {
		if (e.code == ACTR_E_CONFIG)
			return actr__fail(err, e.code, "%s:%u: expected text without \\u0000", name,
					  e.line);
		return actr__fail(err, e.code, "%s: out of memory", name);
	} catch (const std::bad_alloc &) {
		return actr__fail(err, ACTR_E_NOMEM, "%s: out of memory", name);
	} catch (const std::exception &e) {
		return actr__fail(err, ACTR_E_CONFIG, "%s: not valid TOML: %s", name, e.what());
	}
}
