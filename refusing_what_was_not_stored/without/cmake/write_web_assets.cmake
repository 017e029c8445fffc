# Called by embed_web.cmake with FILES (separated by |) and OUT. `gzip -9n` writes neither name nor time, so that the same
# sources give the same program.
string(REPLACE "|" ";" files "${FILES}")
get_filename_component(work ${OUT} DIRECTORY)
file(MAKE_DIRECTORY ${work})

function(as_array path name out)
    file(READ ${path} hex HEX)
    string(REGEX REPLACE "(................................)" "\\1\n" hex "${hex}")
    string(REGEX REPLACE "([0-9a-f][0-9a-f])" "0x\\1," bytes "${hex}")
    set(${out} "const unsigned char ${name}[] = {\n${bytes}0x00};\n" PARENT_SCOPE)
endfunction()

set(arrays "")
set(rows "")
set(number 0)
foreach(file IN LISTS files)
    get_filename_component(name ${file} NAME)
    file(SHA256 ${file} hash)
    string(SUBSTRING ${hash} 0 20 hash)
    execute_process(COMMAND gzip -9nc ${file} OUTPUT_FILE ${work}/console_asset.gz COMMAND_ERROR_IS_FATAL ANY)
    as_array(${file} plain_${number} plain)
    as_array(${work}/console_asset.gz packed_${number} packed)
    string(APPEND arrays "${plain}${packed}")
    string(APPEND rows "    {\"${name}\", \"${hash}\", text_of(plain_${number}), text_of(packed_${number})},\n")
    math(EXPR number "${number} + 1")
endforeach()
file(REMOVE ${work}/console_asset.gz)
file(WRITE ${OUT} "#include \"console/assets.hpp\"

namespace pgcourier::console {
namespace {

template <std::size_t size>
std::string_view text_of(const unsigned char (&bytes)[size]) {
    return {reinterpret_cast<const char*>(bytes), size - 1};
}

${arrays}
}  // namespace

const std::vector<Asset>& assets() {
    static const std::vector<Asset> all = {
${rows}    };
    return all;
}

}  // namespace pgcourier::console
")
