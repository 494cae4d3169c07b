# BoringSSL as two static libraries: targets boringssl_crypto and boringssl_ssl. -DBORINGSSL_ROOT=DIR
# takes a build of yours (DIR/lib/libssl.a, DIR/lib/libcrypto.a, DIR/include/openssl); without it,
# boringssl.sh builds Debian's source package once per machine and keeps it in SIGNALBOX_CACHE.
set(SIGNALBOX_CACHE "/var/cache/signalbox" CACHE PATH "where what is built once per machine is kept")
set(BORINGSSL_ROOT "" CACHE PATH "a BoringSSL build to use instead of the cached one")

if(BORINGSSL_ROOT)
    set(_root ${BORINGSSL_ROOT})
else()
    set(_root ${SIGNALBOX_CACHE}/boringssl-13.0.0+r24-2)
    if(NOT EXISTS ${_root}/lib/libssl.a)
        execute_process(COMMAND ${CMAKE_CURRENT_LIST_DIR}/boringssl.sh ${_root} RESULT_VARIABLE _rc)
        if(_rc)
            message(FATAL_ERROR "BoringSSL could not be built (above); -DBORINGSSL_ROOT= takes another build")
        endif()
    endif()
endif()

foreach(lib crypto ssl)
    add_library(boringssl_${lib} STATIC IMPORTED)
    set_target_properties(boringssl_${lib} PROPERTIES
        IMPORTED_LOCATION ${_root}/lib/lib${lib}.a
        INTERFACE_SYSTEM_INCLUDE_DIRECTORIES ${_root}/include
        INTERFACE_INCLUDE_DIRECTORIES ${_root}/include)
endforeach()
set_target_properties(boringssl_crypto PROPERTIES INTERFACE_LINK_LIBRARIES pthread)
# libssl is C++ inside; it uses no exceptions and no library beyond operator new, but the linker asks.
set_target_properties(boringssl_ssl PROPERTIES INTERFACE_LINK_LIBRARIES "boringssl_crypto;stdc++")
